"""The decisions of scheduling, pure: no clock, no ids, no I/O.

``availability``  when a reader may be booked: the weekly hours, the exceptions, and the slots that follow
``booking``       what a booking is, what people may do with it, what time makes due, and who gets what of its price
"""
