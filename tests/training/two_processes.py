"""Run in two processes by a test: trains in every process, writes each process's predictions."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import torch
from training_examples import make_examples, make_spec

from vcffilter.models.registry import build
from vcffilter.training.distributed import leave_world
from vcffilter.training.fit import FitConfig, fit, predict

rank, folder = os.environ["RANK"], Path(sys.argv[1])
torch.manual_seed(0)
module = build("read_set", {"hidden": [16], "n_members": 2}, make_spec())
config = FitConfig(epochs=6, batch_size=128, learning_rate=5e-3, ema_decay=0.95, device="cpu", freeze_stem_epochs=1)


def note(report):
    with open(folder / "epochs.txt", "a") as stream:
        stream.write(f"{rank}:{report.epoch} ")


result = fit(module, make_examples(2000), make_examples(400, seed=1), config, on_epoch=note)
np.save(folder / f"{rank}.npy", predict(result.module, make_examples(400, seed=1)))
leave_world()
