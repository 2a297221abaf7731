"""The main job on invented data: companies, a catalogue, an inbox that keeps what is sent, and recipients that answer.

Everything here is simulated and says so. No name, address or number belongs to anybody: domains end in `.example`, and
enterprise numbers start with 1999, which the register has not given out.
"""
