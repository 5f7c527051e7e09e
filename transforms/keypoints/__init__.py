"""Poses that were estimated elsewhere: OpenPose's JSON and files of keypoints."""
