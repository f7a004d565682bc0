"""The process that trains: `python -m detector.worker RUN_FOLDER ERROR_FILE`.

Started by `detector.train` in the environment of `detector.environment`. Reads the job from
RUN_FOLDER/run.json; on failure writes one line to ERROR_FILE.
"""

import ctypes
import gc
import json
import logging
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from data.dataset import find_samples
from data.exceptions import TrainingError
from data.extras import package_file, require
from data.files import digest, write_json
from detector.augment import camera_transforms
from detector.card import write_card
from detector.checkpoint import is_trained, read_checkpoint
from detector.config import TrainConfig
from detector.cropping import crop_transforms
from detector.curves import draw_curves, read_results
from detector.environment import cache_folder, core_count
from detector.export import export_onnx
from detector.frozen import freeze_statistics
from detector.heads import choose_heads
from detector.job import CONFIDENCES, RUN_FILE, teachers_of, work
from detector.restore import restore_checkpoint, show_pictures
from detector.soft import soften, soften_loss
from detector.teacher import learn_from

# What an ONNX file to start or to learn from becomes, below the run's folder.
START = Path("weights", "start.pt")
TEACHERS = Path("weights", "teacher{}.pt")  # the number of the first is left out

# ultralytics' switches for services that watch trainings.
SERVICES = ("sync", "clearml", "comet", "dvc", "mlflow", "raytune", "tensorboard", "wandb")


# Loaded batches wait in shared memory: 8 MB each at 416 px, up to 12 of them. Containers often
# have 64 MB, and a process that runs out of it dies of a bus error.
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - its room is looked at, nothing is written
ENOUGH_SHARED = 2**29  # bytes


def main(argv: list[str]) -> int:
    """Train as RUN_FOLDER/run.json says; its exit status (detector.job)."""
    return work(argv, run)


def run(out: Path) -> None:
    """Train or go on training, then, if asked to, export, draw and describe what came out.

    The card is written last: it marks a run as finished.
    """
    job = json.loads((out / RUN_FILE).read_text(encoding="utf-8"))
    config = TrainConfig(**job["config"])
    prepare_settings()
    last = out / "weights" / "last.pt"
    if not job["resume"]:
        init = fetch_init(job["init"])
        known = init.endswith((".pt", ".onnx"))
        job["init_sha256"] = digest(Path(init)) if known else ""
        teachers = teachers_of(job)
        job["teachers_sha256"] = [digest(Path(teacher)) for teacher in teachers]
        for teacher, target in zip(teachers, teacher_checkpoints(out, job), strict=True):
            as_checkpoint(teacher, job, Path(target))
        write_json(out / RUN_FILE, job)
        init = as_checkpoint(init, job, out / START)
        fit(out, init, config, job["device"])
    elif not is_trained(last, config.epochs):
        fit(out, str(last), config, job["device"], resume=True)
    if not job["export"]:
        return
    table = read_results(out / "results.csv")
    draw_curves(table, out / "curves.png")
    onnx = export_onnx(out / "weights" / "best.pt", out / "maskwatch.onnx", config.imgsz)
    write_card(out, job, table, onnx)


def as_checkpoint(weights: str, job: Mapping[str, Any], target: Path) -> str:
    """Weights as they are, an ONNX file as a network in `target`, measured on the job's pictures.

    Raises:
        WeightsError: if an ONNX file is no network of ours.
    """
    if not weights.endswith(".onnx"):
        return weights
    pictures = [sample.image for sample in find_samples(Path(job["data"]), "train")]
    shown = show_pictures(pictures, int(job["config"]["imgsz"]))
    return str(restore_checkpoint(Path(weights), shown, target))


def prepare_settings() -> None:
    """Switch ultralytics' services off and keep its files in our cache folder."""
    folder = cache_folder()
    # It downloads this font before every training unless one is there; any font will do.
    font = folder / "Ultralytics" / "Arial.ttf"
    if not font.exists():
        source = package_file("matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf", "train")
        font.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, font)
    require("ultralytics", "train")
    from ultralytics.utils import LOGGER, SETTINGS

    LOGGER.addFilter(is_readable)

    wanted: dict[str, Any] = dict.fromkeys(SERVICES, False)
    wanted |= {"weights_dir": str(folder / "weights"), "runs_dir": str(folder / "runs")}
    if any(SETTINGS[key] != value for key, value in wanted.items()):
        SETTINGS.update(wanted)


def is_readable(record: logging.LogRecord) -> bool:
    """False for the pages on which ultralytics prints every argument and transform."""
    start = record.getMessage()[:40]
    return "engine/trainer: " not in start and "albumentations: " not in start


def fetch_init(init: str) -> str:
    """A checkpoint, ONNX file or model YAML as it is; a bare name from the cache, else downloaded
    into it.

    Raises:
        TrainingError: if it can't be downloaded or isn't a checkpoint.
    """
    if init.endswith((".yaml", ".onnx")):
        return init
    if Path(init).is_file():
        read_checkpoint(Path(init))
        return init
    from ultralytics.utils.downloads import attempt_download_asset

    target = cache_folder() / "weights" / init
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        attempt_download_asset(str(target), retry=0)
    except (OSError, RuntimeError, ValueError) as error:
        raise TrainingError(_no_start(init)) from error
    if not target.is_file():
        raise TrainingError(_no_start(init))
    return str(target)


def _no_start(init: str) -> str:
    return (
        f"{init}: couldn't be downloaded; give start weights with --init FILE (.pt or .onnx), "
        "or train from scratch with --init yolo26n.yaml"
    )


def fit(out: Path, init: str, config: TrainConfig, device: str, *, resume: bool = False) -> None:
    """Run ultralytics' training loop into `out`.

    Callbacks and transforms travel to the processes of several GPUs: ultralytics pickles the
    former with cloudpickle and stores the latter as dictionaries.
    """
    overrides = {
        **config.to_ultralytics(),
        "model": init,
        "data": str(out / "data.yaml"),
        "device": device,
        "task": "detect",
        "save_dir": str(out),
        "plots": False,
        "augmentations": camera_transforms(),
        "resume": init if resume else False,
    }
    confidences = read_job_confidences(out)
    kind = trainer_class(config.crop, one_head=config.one_head, confidences=confidences)
    trainer = kind(overrides=overrides)
    if trainer.ddp:
        require("cloudpickle", "cluster")
        # Else ultralytics removes the run's folder, with our job in it, before it starts.
        trainer.resume = True
    else:
        trainer.add_callback("on_train_batch_end", stop_with_parent)
    if confidences:
        trainer.add_callback("on_pretrain_routine_end", take_soft_labels)
    teachers = teacher_checkpoints(out, json.loads((out / RUN_FILE).read_text(encoding="utf-8")))
    if teachers:
        lesson = partial(
            learn_from,
            paths=teachers,
            boxes=config.teacher_boxes,
            mirrored=config.teacher_mirrored,
        )
        trainer.add_callback("on_pretrain_routine_end", lesson)
    if config.freeze_bn:
        trainer.add_callback("on_pretrain_routine_end", keep_statistics)
    if device == "cpu":
        trainer.add_callback("on_pretrain_routine_end", lay_channels_last)
        if config.bfloat16:
            check_bfloat16()
            trainer.add_callback("on_pretrain_routine_end", compute_in_bfloat16)
        for event in ("on_train_epoch_start", "on_val_start"):
            trainer.add_callback(event, use_all_cores)
            trainer.add_callback(event, give_memory_back)
        trainer.args.workers = cpu_workers()
    trainer.train()


def read_job_confidences(out: Path) -> dict[str, list[float]]:
    """How far the labels of some pictures are believed, as `detector.train` left it."""
    path = out / CONFIDENCES
    if not path.is_file():
        return {}
    found: dict[str, list[float]] = json.loads(path.read_text(encoding="utf-8"))
    return found


def teacher_checkpoints(out: Path, job: dict[str, Any]) -> list[str]:
    """The checkpoints whose answers a run's job learns from: those given, and for ONNX files what
    they become in its folder."""
    return [
        str(out / str(TEACHERS).format(number or "")) if given.endswith(".onnx") else given
        for number, given in enumerate(teachers_of(job))
    ]


def trainer_class(
    crop: int = 0,
    *,
    one_head: bool = False,
    confidences: Mapping[str, Sequence[float]] | None = None,
) -> type[Any]:
    """The detection trainer of ultralytics, with checkpoints replaced as a whole, which trains on
    windows of `crop` px, 0 for whole pictures, both heads or the one that needs NMS, and labels
    as far as they are believed (detector.soft)."""
    from ultralytics.models.yolo.detect import DetectionTrainer

    class WholeCheckpointTrainer(DetectionTrainer):  # type: ignore[misc]
        """Writes checkpoints beside the old ones, then renames: Ctrl-C or a full disk while
        writing must not cost the epochs before.
        """

        last: Path
        best: Path

        def get_model(self, cfg: Any = None, weights: Any = None, verbose: bool = True) -> Any:
            model = super().get_model(cfg, weights, verbose)
            choose_heads(model, weights, one_head=one_head)
            return model

        def build_dataset(self, img_path: str, mode: str = "train", batch: Any = None) -> Any:
            dataset = super().build_dataset(img_path, mode, batch)
            if mode == "train":
                soften(dataset.labels, confidences or {})
                crop_transforms(dataset.transforms, crop, self.args.imgsz)
            return dataset

        def _close_dataloader_mosaic(self) -> None:
            super()._close_dataloader_mosaic()  # makes all transforms anew
            crop_transforms(self.train_loader.dataset.transforms, crop, self.args.imgsz)

        def save_model(self) -> bool:
            finals = self.last, self.best
            fresh = [path.with_suffix(".new") for path in finals]
            self.last, self.best = fresh
            try:
                saved = bool(super().save_model())
                for new, final in zip(fresh, finals, strict=True):
                    if new.is_file():
                        new.replace(final)
            finally:
                self.last, self.best = finals
                for new in fresh:
                    new.unlink(missing_ok=True)
            return saved

    return WholeCheckpointTrainer


def cpu_workers(shared: Path = SHARED_MEMORY) -> int:
    """Processes that load pictures while a step is computed: ultralytics has none on a CPU, one
    keeps two cores fed. None where there is no Linux, which forks them, or little shared memory.
    """
    if sys.platform != "linux" or not shared.is_dir():
        return 0
    return int(shutil.disk_usage(shared).free >= ENOUGH_SHARED)


def take_soft_labels(trainer: Any) -> None:
    """Let the loss take the labels that the data set was given (detector.soft)."""
    from ultralytics.utils.torch_utils import unwrap_model

    soften_loss(unwrap_model(trainer.model))


def keep_statistics(trainer: Any) -> None:
    """Freeze the normalisations of the network in training, not of its mean that is saved."""
    from ultralytics.utils.torch_utils import unwrap_model

    freeze_statistics(unwrap_model(trainer.model))


def lay_channels_last(trainer: Any) -> None:
    """Keep weights, and by them activations, with the channels innermost: what oneDNN's
    convolutions work on, else each of them turns its input around and back."""
    import torch

    for model in (trainer.model, trainer.ema.ema):
        model.to(memory_format=torch.channels_last)


def has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 numbers itself (AVX512-BF16, AMX); others emulate it,
    which is slower than 32 bits. False where torch is too old to say."""
    import torch

    ask = getattr(torch.cpu, "get_capabilities", dict)
    return bool({"avx512_bf16", "amx_bf16"} & {name for name, there in ask().items() if there})


def check_bfloat16() -> None:
    """Assert that 16 bits are worth it here.

    Raises:
        TrainingError: if this CPU emulates them.
    """
    if not has_bfloat16():
        raise TrainingError(
            "expected a CPU with AVX512-BF16 or AMX for --bfloat16, but torch finds neither; "
            "leave the option out"
        )


def compute_in_bfloat16(trainer: Any) -> None:
    """Training steps, not validation, under autocast: ultralytics does so on GPUs alone. Weights
    and gradients keep 32 bits."""
    import torch

    forward = trainer.model.forward

    def under_autocast(*args: Any, **options: Any) -> Any:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return forward(*args, **options)

    trainer.model.forward = under_autocast


def use_all_cores(_: Any) -> None:
    """Give torch its threads back: ultralytics takes one away when it selects a CPU."""
    import torch

    torch.set_num_threads(core_count())


def give_memory_back(_: Any) -> None:
    """Return freed memory to the system, where the C library can (glibc), before loading processes
    are forked: at the first validation and when mosaic ends.

    A fork keeps what its parent held. Freed activations would be kept by them, too, while the
    parent fills new pages: at 640 px a small network's training outgrew 24 GB so.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def stop_with_parent(_: Any, parent: int = os.getppid()) -> None:
    """End when the program that started us is gone, so that no orphan trains on."""
    if os.getppid() != parent:
        raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
