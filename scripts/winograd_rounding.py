"""How coarsely Winograd's filtering rounds in bf16, beside direct sums: the figures in LOG.md.

Random maps behind ReLU and random kernels of 3x3, in float64; only factors of products are rounded to bf16.
The points decide the transforms (Cook and Toom); infinity is always one of them.
"""

import numpy as np
import torch

CHANNELS, NUM_KERNELS, TILES = 128, 64, 200
FILTERINGS = {
    2: [[0, 1, -1]],
    3: [[0, 1, -1, 2]],
    4: [[0, 1, -1, 2, -2], [0, 0.6, -0.6, 1.5, -1.5]],
}
"""Points by the side of a tile."""


def transforms(points: list[float], step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return those of windows, kernels and outputs: their products, summed up, are a convolution."""
    side = step + 2
    last = [1.0 if i == step - 1 else 0.0 for i in range(step)]
    outputs = np.array([[point**i for point in points] + [last[i]] for i in range(step)], float)
    kernels = np.array([[point**k for k in range(3)] for point in points] + [[0, 0, 1]], float)
    products = np.array([outputs[i] * kernels[:, k] for i in range(step) for k in range(3)])
    windows = np.empty((side, side))
    for j in range(side):
        wanted = np.array([float(j == i + k) for i in range(step) for k in range(3)])
        windows[:, j] = np.linalg.lstsq(products, wanted, rcond=None)[0]
    return windows, kernels, outputs


def rounded(numbers: np.ndarray) -> np.ndarray:
    return torch.from_numpy(numbers).to(torch.bfloat16).double().numpy()


def convolved(maps: np.ndarray, kernels: np.ndarray, step: int) -> np.ndarray:
    return sum(
        np.einsum("tcij,kc->tkij", maps[:, :, i : i + step, j : j + step], kernels[:, :, i, j])
        for i in range(3)
        for j in range(3)
    )  # pyright: ignore[reportReturnType]


def main() -> None:
    draw = np.random.default_rng(0)
    for step, all_points in FILTERINGS.items():
        maps = np.maximum(draw.standard_normal((TILES, CHANNELS, step + 2, step + 2)), 0)
        kernels = draw.standard_normal((NUM_KERNELS, CHANNELS, 3, 3)) / np.sqrt(9 * CHANNELS)
        exact = convolved(maps, kernels, step)
        errors = {"direct sums": convolved(rounded(maps), rounded(kernels), step) - exact}
        for points in all_points:
            of_windows, of_kernels, of_outputs = transforms(points, step)
            spectrum = rounded(np.einsum("ai,tcij,bj->abtc", of_windows, maps, of_windows))
            factors = rounded(np.einsum("ai,kcij,bj->abkc", of_kernels, kernels, of_kernels))
            made = np.einsum("abtc,abkc->abtk", spectrum, factors, optimize=True)
            errors[f"points {points}"] = np.einsum("ia,abtk,jb->tkij", of_outputs, made, of_outputs) - exact
        for name, error in errors.items():
            print(f"F({step}x{step}, 3x3), {name}: {error.std() / exact.std():.2%}")


if __name__ == "__main__":
    main()
