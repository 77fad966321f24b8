"""Who gets hashed, when, and on which threads.

admission.py hashing.py     the bounded queue, aware of deadlines
lanes.py gevent_lane.py     native threads, under both servers
quota.py                    how many: the cgroup's CPU quota
"""
