"""Power cuts of the gateway, tried on what its process really wrote.

trace.py       the shipped process under strace: its system calls, in order
recording.py   calls -> operations on the files of one folder, and what went over the line and to the broker
talk.py        bytes on line and socket -> what was promised, and what the center said that it has
disk.py        what a disk may hold after a cut: prefixes, torn sectors, subsets of what was not flushed
bench.py       such a disk as files in memory, changed as little as possible from one to the next
search.py      every crash state once, each judged against every moment at which it could have come
oracle.py      what a spool that is found must hold;  reopened.py  the gateway's own code on it
load.py        a whole station under load, recorded over several starts;  plant.py  a copy of it with a bug
"""
