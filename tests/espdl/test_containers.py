"""Headers, packages and encryption; what is none of them is refused in one clear sentence."""

import hashlib
import struct

import pytest
from small_models import addition, convolution, header, write

from tvm_espdl.errors import ModelError
from tvm_espdl.espdl import load, load_package
from tvm_espdl.espdl.aes import ctr, encrypt, round_keys
from tvm_espdl.espdl.file import is_espdl

KEY = bytes(range(100, 116))


def package(magic, images):
    """A package as ESP-PPQ lays it out."""
    fixed = 60 if magic == b"PDL3" else 8
    names = [name.encode() for name in images]
    name_at = fixed + 12 * len(names)
    at = -(-(name_at + sum(map(len, names))) // 16) * 16
    entries, data, texts = b"", b"", b"".join(names)
    for name, image in zip(names, images.values(), strict=True):
        entries += struct.pack("<III", at + len(data), name_at, len(name))
        name_at += len(name)
        data += image.ljust(-(-len(image) // 16) * 16, b"\0")
    body = (entries + texts).ljust(at - fixed, b"\0") + data
    count = struct.pack("<I", len(names))
    if magic != b"PDL3":
        return magic + count + body
    size = struct.pack("<I", fixed + len(body))
    plain = magic + b"1.2.3".ljust(16, b"\0") + size + bytes(32) + count + body
    return plain[:24] + hashlib.sha256(plain).digest() + plain[56:]


@pytest.mark.parametrize("magic", [b"EDL1", b"EDL2"])
def test_single_models(magic):
    file = load(write(addition(), magic))
    assert (file.container, file.format, file.encrypted) == (magic.decode(), magic.decode(), False)
    assert file.model == addition()


@pytest.mark.parametrize("magic", [b"PDL1", b"PDL2", b"PDL3"])
def test_packages(magic, tmp_path):
    inside = b"EDL1" if magic == b"PDL1" else b"EDL2"
    models = {"sum.espdl": addition(), "conv.espdl": convolution()}
    data = package(magic, {name: write(m, inside) for name, m in models.items()})
    (tmp_path / "models.bin").write_bytes(data)
    assert is_espdl(tmp_path / "models.bin")
    assert list(load_package(tmp_path / "models.bin").images) == list(models)
    assert load(data, model="conv").model == models["conv.espdl"]
    assert load(data, model="sum.espdl").container == magic.decode()
    with pytest.raises(ModelError, match=r"several models.*sum.espdl"):
        load(data)
    with pytest.raises(ModelError, match=r"no such model.*'other'.*--package_model"):
        load(data, model="other")


def test_package_version_and_checksum():
    data = bytearray(package(b"PDL3", {"sum": write(addition())}))
    assert load(bytes(data)).package_version == "1.2.3"
    data[-40] ^= 1
    with pytest.raises(ModelError, match="checksum"):
        load(bytes(data))


def test_encrypted_models_need_their_key():
    payload = write(addition())[16:]
    data = header(ctr(payload, KEY), mode=1)
    file = load(data, key=KEY)
    assert file.encrypted
    assert file.model == addition()
    for key, said in ((None, "no key"), (b"short", "5 bytes"), (bytes(16), "does not fit")):
        with pytest.raises(ModelError, match=said):
            load(data, key=key)


def test_aes_is_that_of_the_standards():
    # FIPS-197, appendix C.1, and NIST SP 800-38A, F.5.1.
    import numpy as np

    key, block = bytes(range(16)), bytes.fromhex("00112233445566778899aabbccddeeff")
    encrypted = encrypt(np.frombuffer(block, np.uint8).reshape(1, 16), round_keys(key))
    assert encrypted.tobytes().hex() == "69c4e0d86a7b0430d8cdb78070b4c55a"
    plain = bytes.fromhex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
    )
    counter = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    assert ctr(plain, bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"), counter).hex() == (
        "874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
        "5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", r"no .espdl file.*first bytes b''"),
        (b"ONNX", r"no .espdl file.*allowed: EDL1, EDL2"),
        (b"EDL2", "begins with b'EDL2'"),
        (header(b"", mode=7), "encryption mode 7"),
        (b"EDL2" + struct.pack("<3I", 0, 1 << 31, 0), "header states"),
        (b"PDL2" + struct.pack("<I", 1 << 30), "a list of 1073741824 models"),
        (b"PDL2" + struct.pack("<I", 0), "no model"),
        (b"PDL1" + struct.pack("<IIII", 1, 99, 0, 0), "model 0 outside"),
        (b"PDL3" + bytes(60), "bytes of 0"),
    ],
)
def test_what_is_no_container(data, said):
    with pytest.raises(ModelError, match=said):
        load(data)


def test_missing_file(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be read.*No such file"):
        load(tmp_path / "nothing.espdl")
    assert not is_espdl(tmp_path / "nothing.bin")
    assert not is_espdl(b"EDL2")
