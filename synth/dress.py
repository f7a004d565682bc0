"""Putting masks, and things that are no masks, onto the faces of a photo."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.boxes import area
from data.images import Image
from data.labels import CLASS_NAMES, Label
from data.manifest import FaceRecord
from synth.faces import Face
from synth.mask import Mask
from synth.negatives import free_window
from synth.occlusion.choice import choose_thing, draw_thing
from synth.occlusion.cutouts import draw_cutout
from synth.recipe import Recipe
from synth.render import draw_mask
from synth.scene import Scene, blur_out
from synth.shapes import draw_shape
from synth.sources import Photo
from synth.states import Mix, displacement, draw_state, state_to_label, styles_for, wear
from synth.textures import FILE_PREFIX, draw_colour, draw_print
from synth.user_textures import read_texture

Floats = NDArray[np.float64]

# How alike the faces of one scene are worn: weight of the mix as a Dirichlet prior. Low values
# give scenes where nearly all or nearly none wear masks, as in life.
_MIX_WEIGHT = 3.0


def dress(image: Image, photo: Photo, recipe: Recipe, rng: np.random.Generator) -> Scene:
    """A photo whose bare faces wear masks by the recipe; doubtful faces are blurred out."""
    for box in photo.doubtful:
        image = blur_out(image, box, _stack(photo.faces))
    faces = photo.faces
    mix = _scene_mix(recipe.mix, rng)
    records: dict[int, FaceRecord] = {}
    # Small faces first: they are farther away, and nearer masks lie over them.
    for index in sorted(range(len(faces)), key=lambda i: float(area(faces[i].box[None])[0])):
        face = faces[index]
        state = draw_state(mix, rng, recipe.states)
        record = _describe(face, photo.identity)
        bare = image
        if face.label == Label.WITHOUT_MASK and state != "bare":
            image, record = _put_on(image, face, record, state, (photo, recipe, rng))
        image, records[index] = _cover((image, bare), face, record, recipe, rng)
    boxes = _stack(faces)
    return Scene(image, boxes, tuple(records[i] for i in range(len(faces))), len(photo.doubtful))


def _scene_mix(mix: Mix, rng: np.random.Generator) -> Mix:
    """The shares of the classes in one scene."""
    prior = np.maximum(_MIX_WEIGHT * np.array([*vars(mix).values()]), 1e-6)
    shares = rng.dirichlet(prior)
    return Mix(*(float(s) for s in shares / shares.sum()))


def _stack(faces: Sequence[Face]) -> Floats:
    """(N, 4) boxes of N faces."""
    return np.array([face.box for face in faces], dtype=np.float64).reshape(-1, 4)


def _describe(face: Face, identity: str) -> FaceRecord:
    """What is known of a face before anything is drawn onto it."""
    yaw, pitch, roll = (round(a, 1) for a in face.placement.angles)
    posed = face.landmarks is not None or face.five_points is not None
    return FaceRecord(
        label=CLASS_NAMES[face.label],
        box=[],
        state="bare" if face.label == Label.WITHOUT_MASK else "as_photographed",
        yaw=yaw if posed else None,
        pitch=pitch if posed else None,
        roll=roll if posed else None,
        aligned=face.landmarks is not None,
        identity=identity,
    )


def _put_on(
    image: Image,
    face: Face,
    record: FaceRecord,
    state: str,
    by: tuple[Photo, Recipe, np.random.Generator],
) -> tuple[Image, FaceRecord]:
    """The face with a mask in that state."""
    photo, recipe, rng = by
    right = draw_shape(rng, weights=styles_for(state, recipe.styles))
    shape = wear(right, state, rng, face.placement.angles[0])
    texture, plate = _draw_fabric(shape.style, (image, photo), recipe, rng)
    mask = Mask(shape, draw_colour(rng, shape.style), texture, int(rng.integers(2**31)), plate)
    drawn = draw_mask(image, face.placement, face.box, mask, rng, match_light=recipe.light)
    return drawn, replace(
        record,
        label=CLASS_NAMES[state_to_label(state)],
        style=shape.style,
        colour=[round(float(c) * 255) for c in mask.colour],
        texture=texture,
        state=state,
        displacement=round(displacement(right, shape), 3),
    )


def _draw_fabric(
    style: str, source: tuple[Image, Photo], recipe: Recipe, rng: np.random.Generator
) -> tuple[str, Image | None]:
    """Name of a print, and the picture that it shows where it shows one: no face, or a mask would
    bear a second one."""
    image, photo = source
    if recipe.textures and rng.random() < recipe.texture_share:
        path = Path(recipe.textures[int(rng.integers(len(recipe.textures)))])
        return f"{FILE_PREFIX}{path.name}", read_texture(path)
    name = draw_print(style, rng, recipe.prints)
    if name != "photo":
        return name, None
    window = free_window(photo, rng)
    if window is None:
        return name, None  # shows a landscape
    left, top, right, bottom = window
    return name, image[top:bottom, left:right].copy()


def _cover(
    images: tuple[Image, Image],
    face: Face,
    record: FaceRecord,
    recipe: Recipe,
    rng: np.random.Generator,
) -> tuple[Image, FaceRecord]:
    """The face with things before it, none of which is a mask.

    `images` are the picture as it is now, and before this face was dressed.
    """
    image, bare = images
    if face.label != Label.WITHOUT_MASK:
        return image, record
    names = []
    if record.state == "bare" and rng.random() < recipe.instead:
        image, name = _instead(image, face, recipe, rng)
        names.append(name)
    if rng.random() < recipe.front:
        name = choose_thing("front", rng)
        image = draw_thing(image, face.placement, face.box, name, rng, role="front", bare=bare)
        names.append(name)
    return image, replace(record, occluders=names)


def _instead(
    image: Image, face: Face, recipe: Recipe, rng: np.random.Generator
) -> tuple[Image, str]:
    """A bare face with something that isn't a mask, and its name; half of the time one of the
    user's own, if there are any."""
    if recipe.cutouts and rng.random() < 0.5:
        path = recipe.cutouts[int(rng.integers(len(recipe.cutouts)))]
        drawn = draw_cutout(image, face.placement, face.box, path, rng)
        return drawn, f"{FILE_PREFIX}{Path(path).name}"
    name = choose_thing("instead", rng)
    return draw_thing(image, face.placement, face.box, name, rng), name
