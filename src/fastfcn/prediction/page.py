"""The page to try networks on, by Gradio: an image in, and what each network sees in it out."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from fastfcn.data.dataset import UInt8
from fastfcn.out_of_memory import explain, is_out_of_memory
from fastfcn.prediction.candidate import Candidate, Seen, heat


def build_page(gradio: Any, candidates: Sequence[Candidate], examples: Sequence[str], opacity: float) -> Any:
    """Lay out the page: the image on the left, a column for each network."""

    def look(image: UInt8 | None, opacity: float) -> dict[Any, Any]:
        if image is None:
            return dict.fromkeys([seen, *overlays, *maps, *tables])
        found = _seen(gradio, candidates, image)
        return {
            seen: found,
            **show(image, found, opacity),
            **{each: heat(its.confidence) for each, its in zip(maps, found, strict=True)},
            **{each: one.table(its) for each, one, its in zip(tables, candidates, found, strict=True)},
        }

    def show(image: UInt8 | None, found: list[Seen] | None, opacity: float) -> dict[Any, Any]:
        if image is None or found is None:
            return dict.fromkeys(overlays)
        shown = [one.overlay(image, its, opacity) for one, its in zip(candidates, found, strict=True)]
        return dict(zip(overlays, shown, strict=True))

    with gradio.Blocks(title="FastFCN", analytics_enabled=False) as page:
        seen = gradio.State()
        with gradio.Row():
            with gradio.Column():
                image = gradio.Image(label="image", type="numpy", format="png", buttons=["fullscreen"])
                strength = gradio.Slider(0, 1, value=opacity, label="opacity of the classes")
                if examples:
                    gradio.Examples(list(examples), image)
            overlays, maps, tables = [], [], []
            picture = partial(gradio.Image, format="png", interactive=False, buttons=["download", "fullscreen"])
            for each in candidates:
                with gradio.Column():
                    overlays.append(picture(label=f"classes: {each.name}"))
                    tables.append(gradio.HTML())
                    maps.append(picture(label="confidence, from violet (0) to yellow (1)"))
        image.change(look, [image, strength], [seen, *overlays, *maps, *tables])
        strength.change(show, [image, seen, strength], overlays, trigger_mode="always_last", show_progress="hidden")
    return page


def _seen(gradio: Any, candidates: Sequence[Candidate], image: UInt8) -> list[Seen]:
    try:
        return [candidate.see(image) for candidate in candidates]
    except Exception as error:
        if is_out_of_memory(error):
            raise gradio.Error(explain(error, "predict")) from error
        raise
