"""Where in a repetition a body is, instant by instant: a small network that knows no exercise."""
