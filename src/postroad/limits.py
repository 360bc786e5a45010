"""A name and a reason for every bound.

It stands near the bottom of the road, so that all layers may use it. The rule kept here: whatever
can grow has its limit in this file, with its unit at the end of its name.
"""

# Journal and store files.
GROUP_BYTES_MAX = (
    16 * 1024 * 1024
)  # one append: large enough for any batch, small enough to read whole
SEGMENT_BYTES = 64 * 1024 * 1024  # a journal segment: 16 of them are the default bound of 1 GiB
RESERVE_BYTES = 64 * 1024 * 1024  # given back when the disk is full, so that settles go on
SPARE_SEGMENTS = 2  # room for settles after publishers are refused
SPARE_SEGMENTS_MAX = (
    8  # half the default bound: what one checkpoint trims is recycled, more is unlinked
)
ZERO_AHEAD_BYTES = 1024 * 1024  # written before the tail, so that a sync finds its blocks in place
STORE_FILE_BYTES = 64 * 1024 * 1024  # the offset in a block's id has 26 bits
STORE_OPEN_FILES_MAX = 64  # store files held open for reading, far below any usual limit of handles
