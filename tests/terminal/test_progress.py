"""What a process says while it works: a bar that fits a terminal, a line a minute elsewhere."""
import io
import sys

import pytest
from absl import logging

from terminal import progress
from terminal.progress import ProgressBar


class Terminal(io.StringIO):
    """Text that is written to what says that it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """The time, which the test sets, and the lines that are logged."""
    now, said = [0.], []
    monkeypatch.setattr(progress.time, 'time', lambda: now[0])
    monkeypatch.setattr(logging, 'info', lambda message, *values: said.append(message % values))
    monkeypatch.setattr(ProgressBar, 'said', 0.)
    return now, said


def test_a_line_a_minute_where_there_is_no_terminal(clock, monkeypatch):
    now, said = clock
    monkeypatch.setattr(sys, 'stderr', io.StringIO())
    for epoch in range(4):   # of 40 seconds
        with ProgressBar('none_s1 epoch %d/4' % (epoch + 1), 200) as bar:
            for _ in range(2):
                now[0] += 20
                bar.add(100, loss=0.123456, rho=None)
    assert said == ['none_s1 epoch 2/4 100/200, loss=0.123',
                    'none_s1 epoch 3/4 200/200, loss=0.123']
    assert sys.stderr.getvalue() == ''


def test_a_bar_counts_images_says_what_it_does_and_fits_the_terminal(clock, monkeypatch):
    _, said = clock
    monkeypatch.setattr(sys, 'stderr', Terminal())
    monkeypatch.setattr(progress, 'width', lambda: 79)
    with ProgressBar('critic_s1', 1000) as bar:
        bar.say('critic_s1 carlini 1/2')
        bar.add(200, deepfool=0.123456, high_confidence=0.5, carlini=0.25, boundary=0.125)
        bar.say('critic_s1 boundary 2/2')
    shown = sys.stderr.getvalue().split('\r')
    assert any(text.startswith('critic_s1 boundary 2/2 200/1000 ') for text in shown), shown
    assert max(len(text) for text in shown) <= 80 and said == []
