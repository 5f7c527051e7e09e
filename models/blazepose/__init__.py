"""BlazePose without MediaPipe's graph: the same weights, run our way."""
