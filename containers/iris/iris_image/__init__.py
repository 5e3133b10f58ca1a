"""The programs of the iris image: training and serving a decision tree, and nothing of Dropforge.

Everything here runs in the image as it is built from this folder alone.
"""
