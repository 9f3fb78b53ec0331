"""Files of users: outputs that appear whole or not at all, arrays on disk, names in dumps.

This folder knows bytes and paths. It knows nothing of networks, chips or formats of models.
"""
