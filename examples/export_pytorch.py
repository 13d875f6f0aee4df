"""A trained `torch.nn.Sequential` as .onnx or .safetensors for `zktern import`.

    from export_pytorch import to_onnx, to_safetensors
    to_onnx(model, "net.onnx", (784,))        # anything that the ONNX reader takes
    to_safetensors(model, "net.safetensors")  # Linear, ReLU, ReLU6, Hardtanh, BatchNorm1d, Flatten, Dropout, Identity

    zktern import net.onnx --ternarize --calibrate inputs.npy -o net.tern

Leave softmax out: logits are proved. Run as a program it trains a small network on a toy problem, writes both files, inputs and
the network's own outputs: `python export_pytorch.py FOLDER`.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parent))
from export_numpy import write  # noqa: E402


def to_onnx(model, path, shape):
    """Exports a model that takes inputs of this shape, with any number of them at a time."""
    model.eval()
    example = torch.zeros(1, *shape)
    torch.onnx.export(
        model, (example,), str(path), input_names=["x"], output_names=["logits"], opset_version=18,
        dynamo=False, dynamic_axes={"x": {0: "batch"}, "logits": {0: "batch"}},
    )  # fmt: skip


def layers_of(model):
    """(weights, bias, activation) of every linear layer, with batch normalisation folded in."""
    layers, gain, offset = [], None, None
    for module in model.eval():
        if isinstance(module, nn.Linear):
            w = module.weight.detach().double()
            b = module.bias.detach().double() if module.bias is not None else torch.zeros(w.shape[0]).double()
            if gain is not None:
                w, b, gain = w * gain, b + w @ offset, None
            layers.append([w, b, None])
        elif isinstance(module, nn.BatchNorm1d):
            scale = (module.running_var.double() + module.eps).rsqrt()
            scale = scale * module.weight.detach().double() if module.affine else scale
            move = module.bias.detach().double() if module.affine else 0.0
            move = move - module.running_mean.double() * scale
            if layers and layers[-1][2] is None:
                w, b, _ = layers[-1]
                layers[-1] = [w * scale[:, None], b * scale + move, None]
            else:
                gain, offset = scale, move
        elif isinstance(module, (nn.ReLU, nn.Hardtanh)):
            if not layers or gain is not None:
                raise ValueError(f"{module} has no Linear layer directly before it")
            limits = (module.min_val, module.max_val) if isinstance(module, nn.Hardtanh) else "relu"
            layers[-1][2] = limits
        elif not isinstance(module, (nn.Flatten, nn.Dropout, nn.Identity)):
            raise ValueError(f"{module} is not supported: use to_onnx, or another layer")
    if gain is not None:
        raise ValueError("batch normalisation after the last activation cannot be folded into a layer")
    return [(w.float().numpy(), b.float().numpy(), a) for w, b, a in layers]


def to_safetensors(model, path, **options):
    """`options` are those of `export_numpy.write`: name, input_scale, input_offset, input_range."""
    write(path, layers_of(model), **options)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Dropout(0.1), nn.Linear(48, 32), nn.ReLU(),
        nn.BatchNorm1d(32), nn.Linear(32, 4),
    )  # fmt: skip
    # Which quarter of an 8 x 8 image is the brightest.
    x = torch.rand(2000, 1, 8, 8)
    quarters = x.reshape(-1, 2, 4, 2, 4).mean(dim=(2, 4)).reshape(-1, 4)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(150):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model(x), quarters.argmax(1)).backward()
        optimiser.step()
    model.eval()
    with torch.no_grad():
        outputs = model(x[:200])
    to_onnx(model, folder / "net.onnx", (1, 8, 8))
    to_safetensors(model, folder / "net.safetensors", name="quarters", input_scale=1 / 255)
    np.save(folder / "inputs.npy", x[:200].reshape(200, -1).numpy())
    np.save(folder / "labels.npy", quarters[:200].argmax(1).numpy())
    np.save(folder / "outputs.npy", outputs.numpy())
    print(f"wrote net.onnx, net.safetensors, inputs.npy, labels.npy and outputs.npy in {folder}")


if __name__ == "__main__":
    main()
