"""Names of what a run logs, for those who write it and those who show it."""

BEST_METRIC = "val/miou"  # selects best.ckpt; higher is better
PIXACC = "val/pixacc"
TRAIN_LOSS, VAL_LOSS = "train/loss", "val/loss"  # the parts of the former are train/loss_NAME
STEP = "trainer/global_step"  # Lightning's name
RESUMED_AT = "_resumed_at"  # in the configuration: the step that a restart goes on from
IMAGES = "val/images"
PREDICTION, TRUTH = "prediction", "truth"  # masks over them
CLASS_TABLE = "val/iou_by_class"
CONFUSION = "val/confusion_matrix"
BEST_MIOU, BEST_PIXACC, BEST_PROTOCOL = "best/miou", "best/pixacc", "best/protocol"
FPS, GFLOPS, PARAMETERS = "bench/fps", "bench/gflops", "bench/parameters"


def class_key(name: str) -> str:
    """Return the summary's key of a class's IoU."""
    return f"iou/{name}"
