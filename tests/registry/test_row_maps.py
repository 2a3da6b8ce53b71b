import numpy as np

from app.registry.row_maps import RowMap


def test_rows_are_found_in_the_order_asked():
    row_map = RowMap(np.array([30, 10, 20], dtype=np.int64))
    assert row_map.rows_of([10, 30, 20, 10]).tolist() == [1, 0, 2, 1]


def test_an_image_that_the_version_does_not_hold_has_no_row():
    row_map = RowMap(np.array([30, 10, 20], dtype=np.int64))
    assert row_map.rows_of(np.array([5, 10, 25, 99])).tolist() == [-1, 1, -1, -1]


def test_a_row_whose_image_is_unknown_is_never_an_answer():
    row_map = RowMap(np.array([-1, 7], dtype=np.int64))
    assert row_map.rows_of([-1, 7]).tolist() == [-1, 1]


def test_asking_for_nothing_answers_nothing():
    assert RowMap(np.array([1], dtype=np.int64)).rows_of([]).tolist() == []


def test_an_empty_version_holds_no_image():
    assert RowMap(np.array([], dtype=np.int64)).rows_of([1, 2]).tolist() == [-1, -1]
