"""A SyncBatchNorm that runs on CPUs, as torch's own does not: its maths, over gloo, let past those who refuse it."""

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel

from neurokit import shared_fit

shared_fit.check_gpus = lambda device: None
DistributedDataParallel._passing_sync_batchnorm_handle = lambda self, module: None  # it refuses CPUs too


class Sum(torch.autograd.Function):
    """The sum over all ranks; of its gradients too."""

    @staticmethod
    def forward(context, tensor):
        return added_up(tensor)

    @staticmethod
    def backward(context, gradient):
        return added_up(gradient)


def added_up(tensor):
    tensor = tensor.clone()
    if dist.is_initialized():
        dist.all_reduce(tensor)
    return tensor


class SyncedNorm(nn.SyncBatchNorm):
    """Normalises by mean and variance of all ranks' rows."""

    def forward(self, x):
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        rows = added_up(torch.tensor(float(len(x))))
        mean = Sum.apply(x.sum(0)) / rows
        variance = Sum.apply((x - mean).square().sum(0)) / rows
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance, self.momentum)
        return (x - mean) / torch.sqrt(variance + self.eps) * self.weight + self.bias
