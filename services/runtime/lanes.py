"""Lanes: a lane is a partition number. All messages of a key, over HTTP or Kafka, are decided in its lane.

The partitioner is crc32(key) modulo the number of partitions: librdkafka's default, so that other services'
commands land in the same partition without any setting, and it costs one call into C.
"""

from zlib import crc32

from schemas.catalogue import PARTITIONS


def lane_of(key: str, partitions: int = PARTITIONS) -> int:
    """The partition of a key on every topic."""
    return crc32(key.encode()) % partitions
