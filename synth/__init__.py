"""Faces, landmarks, masks worn rightly or wrongly, rendered into the photo: labelled pictures."""
