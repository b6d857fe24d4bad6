"""Run by torchrun: one process, or three, go on with what two ranks wrote, and end where those did."""

import os
import sys
from pathlib import Path

import torch
from divided_net import fit, trainer, x

import neurokit as nk
from neurokit import checkpoint

out = Path(sys.argv[1])
several = int(os.environ["WORLD_SIZE"]) > 1
expected = checkpoint.load_weights(out / "expected.safetensors")

one = trainer("fsdp" if several else "auto")
assert one.shards == several
fit(one, resume=out / "two")
difference = max(
    float((value.double() - expected[name].double()).abs().max()) for name, value in one.state_dict()["model"].items()
)
assert difference < 2e-6, difference
assert one.state.step == 24
one.save(out / f"by-{one.group.world}")

if not several:
    own = one.model.state_dict()
    loaded = trainer()
    loaded.load(out / "saved")
    assert all(torch.equal(value, expected[name]) for name, value in loaded.model.state_dict().items())
    assert loaded.model.frozen.weight.dtype == torch.bfloat16
    assert loaded.model.middle.weight is loaded.model.again.weight
    bundle = nk.load_bundle(
        nk.save_bundle(loaded, out / "bundle", x=x[:8], format="safetensors"), model=trainer().model
    )
    assert torch.equal(torch.as_tensor(bundle.predict(x)), torch.as_tensor(loaded.predict(x)))
    parts = trainer()
    parts.load_weights(out / "saved" / "model-00002-of-00002.safetensors")
    assert all(torch.equal(value, expected[name]) for name, value in parts.model.state_dict().items())
    pretrained = nk.transfer.load_pretrained(out / "saved", model=trainer().model)
    assert torch.equal(pretrained.first.weight, expected["first.weight"])
if one.group.is_first:
    print(f"by {one.group.world}: weights differ by {difference:.1e}")
