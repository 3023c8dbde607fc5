"""What one picture tells: functions of pixels that several measures share. None of them is a measure."""
