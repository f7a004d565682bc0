"""One picture of a data set: from its job to pixels, boxes and their record."""

from collections.abc import Callable

import numpy as np

from data.boxes import Boxes
from data.exceptions import ImageError
from data.formats.target import Target
from data.images import Image, encode_image, read_image
from data.labels import name_to_id
from data.manifest import FaceRecord, PictureRecord
from synth.backgrounds import draw_background
from synth.camera import photograph
from synth.crowd import compose_crowd
from synth.dress import dress
from synth.negatives import faceless_part, free_window
from synth.people import Cutout, cut_out
from synth.plan import Job
from synth.recipe import Recipe
from synth.scene import Scene, close_up, finish, frame, gallery, resize
from synth.sources import Photo

# JPEG quality of cameras, phones and web pages.
_QUALITY = (55, 95)
# Share of the crowds' backgrounds that are made by program even where the photo has room.
_DRAWN_SHARE = 0.5
_AUDIENCE = 10  # persons


def draw_job(job: Job, target: Target, recipe: Recipe) -> tuple[PictureRecord, int]:
    """Draw one picture and write it into `target`; its record and how many faces were blurred out.

    Raises:
        ImageError: if a photo can't be read any more.
        OSError: if the file system refuses.
    """
    rng = np.random.default_rng(job.seed)
    scene = draw_scene(job, recipe, rng)
    faces = finish(scene)
    ids = np.array([name_to_id(face.label) for face in faces], dtype=np.int64)
    boxes = Boxes(np.array([face.box for face in faces]).reshape(-1, 4), ids)
    name = f"{job.name}.jpg"
    quality = int(rng.integers(*_QUALITY))
    height, width = scene.image.shape[:2]
    content = encode_image(scene.image, ".jpg", quality)
    path = target.write(job.split, name, content, boxes, size=(width, height))
    first = job.photos[0]
    record = PictureRecord(
        file=path.relative_to(target.root).as_posix(),
        width=width,
        height=height,
        split=job.split,
        source=first.name,
        source_digest=first.digest,
        identity=first.identity,
        seed=job.seed,
        boxes=faces,
    )
    return record, scene.blurred


def draw_scene(job: Job, recipe: Recipe, rng: np.random.Generator) -> Scene:
    """The picture of a job in memory."""
    scene = _ARRANGEMENTS[job.kind](job, recipe, rng)
    if rng.random() < recipe.camera:
        scene = photograph(scene, rng)
    height, width = scene.image.shape[:2]
    # Lenses make faces at the edges smaller.
    return resize(scene, width, height, recipe.smallest)


def _photo(job: Job, recipe: Recipe, rng: np.random.Generator) -> Scene:
    framed = close_up if rng.random() < recipe.closeups else frame
    return framed(_dress_photo(job.photos[0], recipe, rng), rng, recipe.smallest)


def _gallery(job: Job, recipe: Recipe, rng: np.random.Generator) -> Scene:
    scenes = [_dress_photo(photo, recipe, rng) for photo in job.photos]
    width, height = _cells_size(job.grid, rng)
    return gallery(scenes, job.grid, width, height, recipe.smallest)


def _cells_size(grid: tuple[int, int], rng: np.random.Generator) -> tuple[int, int]:
    """Width and height of a picture whose cells are about as wide as high, whatever the grid."""
    rows, columns = grid
    width = int(rng.integers(352, 641))
    height = round(width * rows / columns * float(rng.uniform(0.9, 1.25)))
    scale = min(1.0, 640 / height)
    return round(width * scale), round(height * scale)


def _crowd(job: Job, recipe: Recipe, rng: np.random.Generator) -> Scene:
    """Persons cut out of portraits, before a part of the first photo without faces, or before a
    place made by program."""
    first = job.photos[0]
    portraits = [photo for photo in job.photos if len(photo.faces) == 1]
    people = [_cut_person(photo, recipe, rng) for photo in portraits]
    width = int(np.exp(rng.uniform(np.log(288), np.log(672))))
    height = int(width * rng.uniform(0.6, 1.0))
    window = None if rng.random() < _DRAWN_SHARE else free_window(first, rng)
    if window is None:
        background = draw_background(rng, width, height)
    else:
        left, top, right, bottom = window
        background = _read(first)[top:bottom, left:right]
    # An audience of few people would show the same faces again and again.
    layout = None if len(people) >= _AUDIENCE else str(rng.choice(["street", "queue", "selfie"]))
    return compose_crowd(
        people, background, rng, width, height, smallest=recipe.smallest, layout=layout
    )


def _read(photo: Photo) -> Image:
    """The photo's pixels.

    Raises:
        ImageError: if it can't be read, or isn't as large as when its faces were searched.
    """
    image = read_image(photo.path)
    if image.shape[1::-1] != (photo.width, photo.height):
        raise ImageError(f"{photo.path}: has changed since its faces were searched; start anew")
    return image


def _cut_person(
    photo: Photo, recipe: Recipe, rng: np.random.Generator
) -> tuple[Cutout, FaceRecord]:
    """The one person of a portrait, dressed; found on the bare photo, where masks don't mislead."""
    bare = _read(photo)
    scene = dress(bare, photo, recipe, rng)
    (face,) = photo.faces
    return cut_out(bare, scene.image, face.box, face.placement), scene.records[0]


def _negative(job: Job, _: Recipe, rng: np.random.Generator) -> Scene:
    """A picture without a face: a part of a photo that has none, or one made by program."""
    image = _read(job.photos[0])
    return Scene(faceless_part(image, job.photos[0], rng), np.zeros((0, 4)), ())


def _dress_photo(photo: Photo, recipe: Recipe, rng: np.random.Generator) -> Scene:
    image: Image = _read(photo)
    return dress(image, photo, recipe, rng)


_ARRANGEMENTS: dict[str, Callable[[Job, Recipe, np.random.Generator], Scene]] = {
    "photo": _photo,
    "gallery": _gallery,
    "crowd": _crowd,
    "negative": _negative,
}
