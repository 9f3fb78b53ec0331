"""QLinear networks, as other quantizers write them, into quantize/dequantize form.

Each node becomes what its definition says; no value is chosen here.
"""
