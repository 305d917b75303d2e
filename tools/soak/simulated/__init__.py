"""A whole station and its center in one process, on a clock of their own: the parts of `tools.soak.simulation`.

Real are: gateway.run.serve with everything below it (poller, station, spool on SQLite, catalogue, uplink), the center's
consumer and its store. Simulated are: time, the boards on the line, the broker and its links, what a disk refuses, and
when somebody pulls a plug.
"""
