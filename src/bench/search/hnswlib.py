"""hnswlib's part of `tessera bench search`: FOLDER DIMENSIONS EF_CONSTRUCTION.

Builds an index of the folder's vectors.f32 and says "built", its seconds of CPU. Then every line "EF SECONDS" asks the queries again and
again for so long (of CPU), a thousand in a call on one thread, and says how many were answered, the CPU and wall seconds that took, and the recall.
"""

import os
import sys
import time

import hnswlib
import numpy

folder, dimensions, ef_construction = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def load(name, kind, width):
    return numpy.fromfile(os.path.join(folder, name), dtype=kind).reshape(-1, width)


vectors, queries, truth = load("vectors.f32", "<f4", dimensions), load("queries.f32", "<f4", dimensions), load("truth.u32", "<u4", 10)
index = hnswlib.Index(space="ip", dim=dimensions)
index.init_index(max_elements=len(vectors), M=32, ef_construction=ef_construction, random_seed=1)
began = time.process_time()
index.add_items(vectors, numpy.arange(len(vectors)), num_threads=1)
print("built", time.process_time() - began, flush=True)
del vectors
for line in sys.stdin:
    ef, seconds = line.split()
    index.set_ef(int(ef))
    found, _ = index.knn_query(queries, k=10, num_threads=1)
    recall = sum(len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist())) / truth.size
    asked, began, began_wall = 0, time.process_time(), time.perf_counter()
    while time.process_time() - began < float(seconds):
        index.knn_query(queries, k=10, num_threads=1)
        asked += len(queries)
    print(asked, time.process_time() - began, time.perf_counter() - began_wall, recall, flush=True)
