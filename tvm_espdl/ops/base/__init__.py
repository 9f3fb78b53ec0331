"""What operators share: the record itself, families of forms, arithmetic, packing, registry.

Each operator stands in a file of its own beside this folder.
"""
