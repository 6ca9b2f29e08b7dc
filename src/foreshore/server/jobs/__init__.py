"""Work that takes longer than a request: asked for in the database, done by a worker, each in a process of its own.

`queue` asks, takes, reports and hands over; `kinds` says what each kind does; `worker` does one after another;
`supervisor` keeps a web process and a worker alive.
"""
