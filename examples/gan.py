"""A GAN on scikit-learn's digits: two optimizers, one train_step of your own.

python examples/gan.py [--epochs 200] [--out gan.png]
"""

import argparse
from functools import partial

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

import neurokit as nk

LATENT = 16


class GAN(nn.Module):
    """Generator and discriminator side by side; called on noise, it draws digits."""

    def __init__(self) -> None:
        super().__init__()
        self.generator = nn.Sequential(
            nn.Linear(LATENT, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, 64), nn.Sigmoid()
        )
        self.discriminator = nn.Sequential(nn.Linear(64, 128), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(128, 1))

    def forward(self, noise: Tensor) -> Tensor:
        return self.generator(noise)


class GANTrainer(nk.Trainer):
    """Each batch: a step of the discriminator on real and drawn digits, then one of the generator against it."""

    def train_step(self, batch: nk.Batch) -> dict[str, Tensor]:
        real = batch.x
        drawn = self.model(torch.randn(len(real), LATENT, device=real.device))

        judged_real, judged_drawn = self.model.discriminator(real), self.model.discriminator(drawn.detach())
        discriminator_loss = F.softplus(-judged_real).mean() + F.softplus(judged_drawn).mean()
        self.optimizers["discriminator"].zero_grad()
        discriminator_loss.backward()
        self.optimizers["discriminator"].step()

        generator_loss = F.softplus(-self.model.discriminator(drawn)).mean()
        self.optimizers["generator"].zero_grad()
        generator_loss.backward()
        self.optimizers["generator"].step()
        return {"generator": generator_loss, "discriminator": discriminator_loss}


parser = argparse.ArgumentParser(description="Train a small GAN on scikit-learn's digits.")
parser.add_argument("--epochs", type=int, default=200)
parser.add_argument("--out", help="write a grid of drawn digits to this file")
options = parser.parse_args()

nk.seed_everything(0)
digits = (load_digits().data / 16).astype("float32")
adam = partial(Adam, lr=1e-3, betas=(0.5, 0.999))
trainer = GANTrainer(GAN(), loss=None, optimizer={"generator": adam, "discriminator": adam})
history = trainer.fit(digits, epochs=options.epochs, batch_size=64, verbose=0)
print(f"last epoch: generator {history.history['generator'][-1]:.3f}, ", end="")
print(f"discriminator {history.history['discriminator'][-1]:.3f}")

drawn = trainer.predict(torch.randn(32, LATENT)).reshape(-1, 8, 8)
print(f"mean pixel of digits {digits.mean():.3f}, of drawn ones {drawn.mean():.3f}")
if options.out:
    nk.plots.images(drawn)[0, 0].figure.savefig(options.out)
    print(f"wrote {options.out}")
