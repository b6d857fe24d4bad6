"""Weights that are divided between two ranks."""


def test_divided_weights_train_to_those_of_one_process_and_go_on_in_any_number_of_processes(launch, tmp_path):
    done = launch("sharded.py", tmp_path)
    assert done.returncode == 0
    for pair in ("none to fsdp", "fsdp to none", "fsdp to fsdp", "ddp to none"):
        assert pair in done.stdout
