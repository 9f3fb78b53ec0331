"""Inputs that look like what a network was trained on, made from a seed: no data set is needed.

Smooth images with edges, voiced sounds with pauses, their spectrograms, bytes of text. They take a
network through its usual range of values; they say nothing about how often it is right.
"""

import numpy as np

RATE = 16000


def made_up(signature, count, seed=0):
    """`count` samples for the inputs of a network, {name: (shape, dtype)}; batch 1 each."""
    rng = np.random.default_rng(seed)
    return [
        {name: _one(name, shape, dtype, rng) for name, (shape, dtype) in signature.items()}
        for _ in range(count)
    ]


def _one(name, shape, dtype, rng):
    if np.issubdtype(dtype, np.integer):
        text = rng.choice(np.array([*b"etaoin shrdlu\n{}();=0123456789"]), size=shape)
        return text.astype(dtype)
    if np.issubdtype(dtype, np.bool_) or name in ("h0", "h", "c") or "state" in name:
        return np.zeros(shape, dtype)
    return _real(shape, rng).astype(dtype)


def _real(shape, rng):
    if len(shape) == 4 and shape[1] == 3 and shape[2] >= 24:
        return image(shape, rng)
    if len(shape) == 4 and shape[-1] == 3:
        return np.moveaxis(image((1, 3, *shape[1:3]), rng), 1, -1)
    if np.prod(shape) > 256 and max(shape) == np.prod(shape):
        return sound(max(shape), rng).reshape(shape)
    if len(shape) >= 2 and min(shape[-2:]) > 16:
        return spectrogram(shape, rng)
    return rng.normal(size=shape)


def image(shape, rng):
    """Pixels (1, C, H, W) from 0 to 1: large and small structures, as 1/f noise has, and edges."""
    _, channels, height, width = shape
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    fall = 1.0 / np.maximum(np.hypot(rows, columns), 1.0 / max(height, width))
    grey = np.fft.ifft2(fall * np.fft.fft2(rng.normal(size=(height, width)))).real
    tint = np.fft.ifft2(fall**1.5 * np.fft.fft2(rng.normal(size=(channels, height, width)))).real
    pixels = grey / grey.std() + 0.5 * tint / tint.std()
    for _ in range(rng.integers(3, 9)):
        top, left = rng.integers(0, height), rng.integers(0, width)
        down, right = rng.integers(2, height // 2 + 3), rng.integers(2, width // 2 + 3)
        colour = rng.normal(size=(channels, 1, 1))
        pixels[:, top : top + down, left : left + right] += 1.5 * colour
    return np.clip(0.5 + 0.2 * pixels, 0, 1)[None]


def sound(length, rng):
    """A wave (length,) between -1 and 1: syllables of harmonics, hiss, and pauses."""
    seconds = np.arange(length) / RATE
    pitch = rng.uniform(90, 240) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 3) * seconds))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    formants = rng.uniform([300, 900, 2200], [800, 1800, 3000])
    voiced = np.zeros(length)
    for harmonic in range(1, 24):
        height = np.exp(-(((harmonic * pitch.mean() - formants) / 220) ** 2)).sum()
        voiced += (height + 0.02) / harmonic**0.5 * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * rng.uniform(1.5, 4) * seconds + rng.uniform(0, 6)), 0, 1)
    wave = syllables * voiced / max(np.abs(voiced).max(), 1e-9)
    wave += rng.uniform(0.001, 0.02) * rng.normal(size=length)
    return rng.uniform(0.1, 0.8) * wave / max(np.abs(wave).max(), 1e-9)


def spectrogram(shape, rng):
    """Logarithms of power (..., frames, bands), between -1 and 1."""
    frames, bands = shape[-2:]
    planes = []
    for _ in range(int(np.prod(shape[:-2]))):
        wave = sound(RATE // 100 * (frames + 4), rng)
        hop = RATE // 100
        windows = np.stack([wave[i * hop : i * hop + 2 * hop] for i in range(frames)])
        power = np.abs(np.fft.rfft(windows * np.hanning(2 * hop), 2 * bands)[:, :bands]) ** 2
        planes.append(np.clip(np.log10(power + 1e-6) / 4, -1, 1))
    return np.reshape(planes, shape)
