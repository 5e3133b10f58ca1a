"""The program of the onnx image: it serves one ONNX model, and knows nothing of Dropforge."""
