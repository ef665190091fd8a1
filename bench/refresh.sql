CALL rfmseg.refresh('shop');
