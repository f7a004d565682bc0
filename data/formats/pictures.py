"""Finding the picture that an annotation names."""

from pathlib import Path, PurePosixPath

from data.exceptions import AnnotationError
from data.images import is_image_name


class PictureIndex:
    """The pictures below a folder, by name.

    Annotations name files that have since been moved or converted, with folders of other
    machines. A name is only looked up here, never opened, so none can lead outside the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._by_stem: dict[str, list[Path]] = {}
        for path in sorted(p for p in root.rglob("*") if is_image_name(p)):
            self._by_stem.setdefault(path.stem, []).append(path)

    def find(self, name: str, where: str) -> Path:
        """The picture whose path ends most like `name`, which may lack its suffix.

        Raises:
            AnnotationError: if there is none, or several that fit equally well.
        """
        wanted = PurePosixPath(name.replace("\\", "/"))
        stem = wanted.stem if is_image_name(Path(wanted.name)) else wanted.name
        found = self._by_stem.get(stem, [])
        if not found:
            raise AnnotationError(
                f"{where}: expected picture {name[:80]!r} below {self.root}, but found none"
            )
        ranked = sorted(((_shared_end(p, wanted), p) for p in found), key=lambda r: -r[0])
        if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
            raise AnnotationError(
                f"{where}: expected one picture {name[:80]!r} below {self.root}, but found "
                f"{ranked[0][1]} and {ranked[1][1]}"
            )
        return ranked[0][1]


def _shared_end(path: Path, wanted: PurePosixPath) -> int:
    """How many last parts two paths share."""
    count = 0
    for a, b in zip(reversed(path.parts), reversed(wanted.parts), strict=False):
        if a != b:
            break
        count += 1
    return count
