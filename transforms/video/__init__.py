"""Videos as FFmpeg reads them: containers, time, pictures."""
