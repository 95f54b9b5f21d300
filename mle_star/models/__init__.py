"""Talking to chat models: which one, how to reach it, what it costs, what it said before."""

from __future__ import annotations
