"""What is known about bodies: skeleton, pose estimators, scorers. No Beam and no Ray in here."""
