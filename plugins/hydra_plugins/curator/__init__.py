"""Every configuration of a sweep is handed to one call, so that a sweep decodes once.

`curator` gives Hydra an app function with an attribute ``many``; any other Hydra app is left alone.
No ``from __future__ import annotations`` here: Hydra 1.3 runs this module before it is in
``sys.modules``, where a dataclass with postponed annotations fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher


@dataclass
class FusedConf:
    """``hydra/launcher=fused``."""

    _target_: str = "hydra_plugins.curator.FusedLauncher"


ConfigStore.instance().store(
    group="hydra/launcher", name="fused", node=FusedConf, provider="curator"
)


class FusedLauncher(Launcher):
    """Composes every job of a sweep, then calls ``many(configs)`` once."""

    def setup(self, *, hydra_context: Any, task_function: Any, config: Any) -> None:
        """Keep what `launch` needs."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(
        self,
        job_overrides: Sequence[Sequence[str]],
        initial_job_idx: int,  # noqa: ARG002  # Hydra's signature
    ) -> Sequence[JobReturn]:
        """One call for all; what it returns per configuration goes back to the sweeper."""
        load = self._context.config_loader.load_sweep_config
        configs = [load(self._config, list(overrides)) for overrides in job_overrides]
        results = self._task.many(configs)
        return [
            JobReturn(
                overrides=list(overrides),
                cfg=config,
                status=JobStatus.COMPLETED,
                _return_value=result,
            )
            for overrides, config, result in zip(job_overrides, configs, results, strict=True)
        ]
