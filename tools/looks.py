"""How alarm levels look in a terminal (the fills of the levels and the ink on them)."""

LEVEL_STYLES = ("", "white on #1D5FD1", "#1A1400 on #FFDD33", "#1A0B00 on #EE7300", "white on #B80F2B")
