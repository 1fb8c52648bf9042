"""Writes torch_models.safetensors: state dictionaries as PyTorch users save them, with an example of what each model does.

python torch_models.py   (torch 2.15, safetensors 0.8)
"""

import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(7)


class Named(nn.Module):
    """Layers with names of their own, and functions between them."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 3, 3, stride=2, padding=1)
        self.bn1 = nn.BatchNorm2d(3)
        self.conv2 = nn.Conv2d(3, 2, 2)
        self.fc = nn.Linear(8, 2)

    def forward(self, x):
        x = nn.functional.silu(self.bn1(self.conv1(x.unflatten(1, (1, 6, 6)))))
        return self.fc(torch.tanh(self.conv2(x)).flatten(1))


decoder = nn.Sequential(
    nn.Linear(2, 12),
    nn.LayerNorm(12),
    nn.GELU(),
    nn.Unflatten(1, (3, 2, 2)),
    nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1),
    nn.ELU(),
    nn.Upsample(scale_factor=2),
    nn.Conv2d(2, 1, 3, padding=1),
    nn.Sigmoid(),
    nn.Flatten(),
)
encoder = Named()
encoder.train()
with torch.no_grad():
    for _ in range(3):  # running statistics that have moved
        encoder(torch.randn(16, 36))

tensors = {}
for name, model, width in [("encoder", encoder, 36), ("decoder", decoder, 2)]:
    model.eval()
    tensors |= {f"{name}.{k}": v.detach() for k, v in model.state_dict().items()}
    x = torch.randn(3, width)
    rows = [torch.autograd.functional.jacobian(lambda z: model(z[None])[0], p) for p in x]
    tensors |= {f"{name}.example.x": x, f"{name}.example.value": model(x).detach(), f"{name}.example.jacobian": torch.stack(rows)}
save_file(tensors, "torch_models.safetensors", metadata={"format": "pt"})
