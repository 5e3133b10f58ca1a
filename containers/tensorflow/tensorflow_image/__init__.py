"""TensorFlow as AWS's images for it: the serving side; training is script mode."""
