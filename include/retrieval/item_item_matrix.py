"""Shared by the sources whose score is history x item-item matrix."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

DENSE_BLOCK_BYTES = 128 * 1024**2


def gram(matrix: sp.csr_matrix) -> np.ndarray:
    """Dense float32 X'X, (n_items, n_items), from rows made dense a block at a time."""
    n_users, n_items = matrix.shape
    total = np.zeros((n_items, n_items), dtype=np.float32)
    rows = max(1, DENSE_BLOCK_BYTES // max(1, 4 * n_items))
    for start in range(0, n_users, rows):
        block = matrix[start : start + rows].toarray().astype(np.float32, copy=False)
        total += block.T @ block
    return total


def keep_strongest(similarity: sp.csr_matrix, n_kept: int) -> sp.csr_matrix:
    """The n_kept largest entries of each row; ties go to the lower column, so the result is one."""
    similarity = similarity.tocsr()
    similarity.sort_indices()
    data, indices, indptr = [], [], [0]
    for row in range(similarity.shape[0]):
        part = slice(similarity.indptr[row], similarity.indptr[row + 1])
        values, columns = similarity.data[part], similarity.indices[part]
        if len(values) > n_kept:
            kept = np.sort(np.argsort(-values, kind="stable")[:n_kept])
            values, columns = values[kept], columns[kept]
        data.append(values)
        indices.append(columns)
        indptr.append(indptr[-1] + len(values))
    return sp.csr_matrix(
        (
            np.concatenate(data).astype(np.float32) if data else np.zeros(0, np.float32),
            np.concatenate(indices).astype(np.int32) if indices else np.zeros(0, np.int32),
            np.array(indptr),
        ),
        similarity.shape,
    )


def dense_product(history: sp.csr_matrix, item_item: sp.csr_matrix | np.ndarray) -> np.ndarray:
    """float32 (n_users, n_items): history @ item_item, made dense."""
    if sp.issparse(item_item):
        return np.asarray((history @ item_item).toarray(), dtype=np.float32)
    # By items: a row of the matrix is then read once for all users of the block, not once for each.
    return np.asarray(history.tocsc() @ item_item, dtype=np.float32)


def pack_csr(matrix: sp.csr_matrix) -> dict[str, np.ndarray]:
    """The arrays of a CSR matrix, for an .npz without objects."""
    return {
        "data": matrix.data,
        "indices": matrix.indices,
        "indptr": matrix.indptr,
        "shape": np.array(matrix.shape),
    }


def unpack_csr(arrays: dict[str, np.ndarray]) -> sp.csr_matrix:
    """The inverse of pack_csr."""
    shape = tuple(int(size) for size in arrays["shape"])
    return sp.csr_matrix((arrays["data"], arrays["indices"], arrays["indptr"]), shape)
