"""Documents that wait: sealed, in shared segments and files of their own.

::

    <state>/spool/incoming/<document id>    being received; erased at start
    <state>/spool/documents/<document id>   64 KiB and more
    <state>/spool/segments/<number>         smaller ones, one after another; append-only
    <state>/keys/<account>.<day>.<random>.key   32 bytes, mode 0600

The rows that say which document lies where, and its wrapped key, are the job store's.
"""
