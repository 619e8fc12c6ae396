"""Parse, call one service, render: one file per person."""
