"""A regression from random numbers to an R2 on rows the network never saw."""

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

import neurokit as nk

nk.seed_everything(42)
x = np.random.randn(1000, 10)
y = 3 * x[:, 0] - 2 * x[:, 1] + x[:, 2] ** 2 + 0.5 * np.random.randn(1000)
x_train, x_test, y_train, y_test = train_test_split(x, y.reshape(-1, 1), test_size=0.2, random_state=42)
x_scaler, y_scaler = StandardScaler().fit(x_train), StandardScaler().fit(y_train)

model = nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))
trainer = nk.Trainer(model, loss="mse", optimizer="adam", metrics=["mae", "r2"])
trainer.fit(x_scaler.transform(x_train), y_scaler.transform(y_train), epochs=50, verbose=0)
test = trainer.evaluate(x_scaler.transform(x_test), y_scaler.transform(y_test))
print(f"test R2 {test['r2']:.3f}, mean absolute error {test['mae'] * y_scaler.scale_[0]:.3f}")
