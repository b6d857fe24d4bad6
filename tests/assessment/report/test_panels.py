from __future__ import annotations

import numpy as np
from sklearn.metrics import confusion_matrix

from neurokit.assessment.assessment import Assessment
from neurokit.assessment.report import panels
from neurokit.assessment.report.charts import Histogram, Matrix, Ranges, Scatter


def test_performance_shows_each_metric_beside_the_baseline(every):
    found = every.to_dict()
    panel = panels.performance(every, found)
    assert len(panel.tables[0].rows) == len(every.metrics)
    by_label = {mark.label: mark for mark in panel.charts[0].marks}
    name, label = ("mae", "Mean absolute error") if every.kind == "regression" else ("recall", "Recall")
    assert by_label[label].value == float(every.metrics[name])
    assert by_label[label].baseline == float(every.baseline.metrics[name])


def test_the_matrix_is_scikit_learns(multiclass):
    chart = panels.predicted_actual(multiclass, multiclass.to_dict()).charts[0]
    assert isinstance(chart, Matrix)
    assert np.array_equal(chart.counts, confusion_matrix(multiclass.y_true, multiclass.y_pred))


def test_classes_beyond_a_dozen_are_counted_together():
    generator = np.random.default_rng(0)
    y = generator.integers(0, 40, 1000)
    scores = generator.dirichlet(np.ones(40), 1000)
    made = Assessment.from_arrays(y, scores, kind="multiclass")
    panel = panels.predicted_actual(made, made.to_dict())
    assert len(panel.charts[0].labels) == 12
    assert np.sum(panel.charts[0].counts) == 1000
    assert panel.charts[0].labels[-1] == "29 others"
    assert "the other 29 are counted together" in panel.notes[0]


def test_a_matrix_of_more_than_a_hundred_classes_is_drawn_too():
    generator = np.random.default_rng(0)
    scores = generator.dirichlet(np.ones(120), 300)
    made = Assessment.from_arrays(generator.integers(0, 120, 300), scores, kind="multiclass")
    assert np.sum(panels.predicted_actual(made, made.to_dict()).charts[0].counts) == 300


def test_a_regression_is_points_and_residuals(regression):
    found = regression.to_dict()
    points = panels.predicted_actual(regression, found).charts[0]
    assert isinstance(points, Scatter)
    assert list(points.actual) == regression.y_true.tolist()
    histogram, sizes = panels.errors(regression, found).charts
    assert isinstance(histogram, Histogram)
    assert sum(histogram.counts) == regression.n
    assert isinstance(sizes, Ranges)
    assert sum(len(part) for part in panels.fifths(regression.y_true)) == regression.n


def test_many_points_are_thinned_and_the_page_says_so():
    true = np.linspace(0, 1, 5_000)
    made = Assessment.from_arrays(true, true**2, kind="regression")
    panel = panels.predicted_actual(made, made.to_dict())
    assert len(panel.charts[0].actual) == panels.MOST_POINTS
    assert "1,500 of the 5,000 rows are drawn" in panel.notes[0]


def test_a_target_of_few_values_has_as_many_parts():
    assert [len(part) for part in panels.fifths(np.array([1.0, 1, 1, 1, 2]))] == [4, 1]
    assert [len(part) for part in panels.fifths(np.full(6, 3.0))] == [6]


def test_errors_show_the_rows_themselves(multiclass):
    worst = multiclass.top_losses(9)
    panel = panels.errors(multiclass, multiclass.to_dict())
    table = panel.tables[0]
    assert table.columns[:6] == ["Row", "Loss", "Actual", "Predicted", "Probability", "index"]
    assert [row[0] for row in table.rows] == [str(number) for number in worst.index]
    assert "copied from the data" in table.note
    assert sum(panel.charts[0].series["Rows"]) == int((multiclass.y_true != multiclass.y_pred).sum())


def test_no_mistake_is_said_in_words():
    made = Assessment.from_arrays([0, 1, 1], [0.1, 0.8, 0.9], kind="binary")
    panel = panels.errors(made, made.to_dict())
    assert panel.lead == "Not one of the 3 rows was answered wrongly."
    assert panel.charts == []


def test_labels_are_counted_one_by_one(multilabel):
    series = panels.predicted_actual(multilabel, multilabel.to_dict()).charts[0].series
    assert sum(series["Found"]) + sum(series["Missed"]) == multilabel.y_true.sum()
    assert sum(series["Found"]) + sum(series["Given wrongly"]) == multilabel.y_pred.sum()


def test_importance_sums_up_what_it_does_not_draw():
    features = [{"name": f"x{place}", "importance": 1.0} for place in range(20)]
    chart = panels.importance({"features": features, "rows": 5}).charts[0]
    assert chart.labels[-1] == "8 other inputs together"
    assert chart.series["Importance"][-1] == 8


def test_an_explanation_of_pictures_names_no_inputs():
    assert "no names to rank" in panels.importance({"features": [], "rows": 5}).lead
    assert "No explanation was made" in panels.importance(None).lead
