"""The ground floor: labels, boxes, pictures, data-set layout, manifest, checks, formats.

Needs numpy, opencv-python and pyyaml alone. Everything above imports downward into here.
"""
