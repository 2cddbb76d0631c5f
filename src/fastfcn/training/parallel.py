"""Data-parallel training by torch's DistributedDataParallel, with its switches as options."""

import lightning as L
from lightning.pytorch.strategies import DDPStrategy

from fastfcn.options import AtLeastOne
from fastfcn.training.synchronisation import SynchronisedBatchNorm


class DataParallel(DDPStrategy):
    """One process a device, which average their gradients.

    `static_graph` promises that every step uses the same parameters in the same way, `find_unused_parameters` looks for
    those that a step does not use, `gradient_as_bucket_view` keeps gradients where they are averaged, a copy less.
    `batchnorm_group` neighbouring processes share BatchNorm's statistics, on GPUs; None: all do.
    """

    def __init__(
        self,
        *,
        static_graph: bool = False,
        find_unused_parameters: bool = False,
        gradient_as_bucket_view: bool = False,
        batchnorm_group: AtLeastOne | None = None,
    ) -> None:
        super().__init__(
            static_graph=static_graph,
            find_unused_parameters=find_unused_parameters,
            gradient_as_bucket_view=gradient_as_bucket_view,
        )
        self.batchnorm_group = batchnorm_group

    def _configure_launcher(self) -> None:
        """Prepare, now that the devices are known. Raises ValueError for groups that leave processes over."""
        processes = self.num_processes * self.num_nodes
        if processes % (self.batchnorm_group or 1):
            raise ValueError(
                f"trainer.strategy.batchnorm_group={self.batchnorm_group} does not divide the {processes} processes "
                "(devices x num_nodes)"
            )
        super()._configure_launcher()

    def require_steps(self, trainer: L.Trainer) -> None:
        """Raise ValueError if gradients are accumulated before they are averaged, which a static graph cannot do."""
        if self._ddp_kwargs.get("static_graph") and trainer.accumulate_grad_batches > 1:
            raise ValueError(
                "trainer.strategy.static_graph=true has torch average gradients after every pass; leave it out, or "
                f"trainer.accumulate_grad_batches={trainer.accumulate_grad_batches}"
            )

    def setup(self, trainer: L.Trainer) -> None:
        """Hand the size of groups to what converts BatchNorm."""
        if isinstance(self._layer_sync, SynchronisedBatchNorm):
            self._layer_sync.group = self.batchnorm_group
        super().setup(trainer)
