#include "vision/dnn.h"

#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>

/*
 * OpenCV reads models with protobuf, which prints its own complaints on standard error. Only this
 * function of it is needed, so it is declared here and not its headers installed; weak, because
 * OpenCV may have been built with a protobuf inside.
 */
namespace google {
namespace protobuf {
enum LogLevel : int;
typedef void LogHandler(LogLevel level, const char *file, int line, const std::string &message);
__attribute__((weak, visibility("default"))) LogHandler *SetLogHandler(LogHandler *handler);
} // namespace protobuf
} // namespace google

struct dnn {
    std::string file; /* its name without the folder, for messages */
    cv::dnn::Net net;
    cv::Mat blob; /* its input; kept, because most have the size of the one before */
    std::vector<cv::Mat> outputs;
};

namespace {

/* OpenCV's text without its version, file and line, and without what follows the first line. */
std::string one_line(const std::exception &x)
{
    const auto *cvx = dynamic_cast<const cv::Exception *>(&x);
    std::string text = cvx ? cvx->err : x.what();
    text = text.substr(0, text.find_first_of("\r\n"));
    for (char &c : text)
        c = c >= 32 && c < 127 ? c : '?';
    return text.substr(0, 120);
}

/* Every entry goes through this: no C++ exception may reach a C frame. */
template <typename F> int guard(struct err *e, const char *file, F &&body) noexcept
{
    try {
        try {
            return body();
        } catch (const std::bad_alloc &) {
            return err_set(e, -ENOMEM, "%s: not enough memory for the net", file);
        } catch (const cv::Exception &x) {
            if (x.code == cv::Error::StsNoMem)
                return err_set(e, -ENOMEM, "%s: not enough memory for the net", file);
            return err_set(e, -EINVAL,
                    "%s: OpenCV cannot use it: it is damaged, or not a model (%s)", file,
                    one_line(x).c_str());
        } catch (const std::exception &x) {
            return err_set(e, -EINVAL,
                    "%s: OpenCV cannot use it: it is damaged, or not a model (%s)", file,
                    one_line(x).c_str());
        } catch (...) {
            return err_set(e, -EINVAL, "%s: OpenCV cannot use it", file);
        }
    } catch (...) { /* while the text of the first was made */
        return -ENOMEM;
    }
}

int no_print(int, const char *, const char *, const char *, int, void *)
{
    return 0;
}

void quiet_and_single_threaded()
{
    static std::once_flag once;
    std::call_once(once, [] {
        cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
        cv::redirectError(no_print);
        cv::setNumThreads(1);
        if (google::protobuf::SetLogHandler)
            google::protobuf::SetLogHandler(nullptr);
    });
}

bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

cv::dnn::Net read_net(const char *weights, const char *graph)
{
    if (ends_with(weights, ".onnx"))
        return cv::dnn::readNetFromONNX(weights);
    if (ends_with(weights, ".pb"))
        return cv::dnn::readNetFromTensorflow(weights, graph ? graph : "");
    if (ends_with(weights, ".caffemodel"))
        return cv::dnn::readNetFromCaffe(graph ? graph : "", weights);
    throw std::runtime_error("the name must end in .onnx, .pb or .caffemodel");
}

void make_blob(cv::Mat &blob, const uint8_t *bgr, int width, int height, const struct dnn_prep &p)
{
    /* only read from */
    const cv::Mat picture(height, width, CV_8UC3, const_cast<uint8_t *>(bgr));
    cv::dnn::blobFromImage(picture, blob, p.scale, cv::Size(p.width, p.height),
            cv::Scalar(p.mean[0], p.mean[1], p.mean[2]), p.swap_rb, false);
}

int take_output(
        const cv::Mat &m, const char *name, struct dnn_output *out, struct err *e, const char *file)
{
    if (m.depth() != CV_32F || !m.isContinuous() || m.dims > DNN_DIMS || m.channels() != 1)
        return err_set(
                e, -EINVAL, "%s: its output '%s' is not a plain array of floats", file, name);
    out->data = m.ptr<float>();
    out->n = m.total();
    out->n_dims = m.dims;
    for (int i = 0; i < DNN_DIMS; i++)
        out->dims[i] = i < m.dims ? m.size[i] : 1;
    return 0;
}

} // namespace

struct dnn *dnn_open(const char *weights, const char *graph, struct err *e)
{
    static std::mutex importing;
    struct dnn *d = nullptr;
    int rc = guard(e, name_of(weights), [&] {
        std::lock_guard<std::mutex> one_at_a_time(importing);
        quiet_and_single_threaded();
        d = new dnn;
        d->file = name_of(weights);
        d->net = read_net(weights, graph);
        if (d->net.empty())
            return err_set(e, -EINVAL, "%s: there is no net in it", d->file.c_str());
        d->net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
        d->net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
        return 0;
    });
    if (rc < 0) {
        dnn_close(d);
        d = nullptr;
    }
    return d;
}

void dnn_close(struct dnn *d)
{
    (void)guard(nullptr, "", [&] {
        delete d;
        return 0;
    });
}

int dnn_run(struct dnn *d, const uint8_t *bgr, int width, int height, const struct dnn_prep *prep,
        const char *const *names, int n_names, struct dnn_output *ret_outputs, struct err *e)
{
    return guard(e, d->file.c_str(), [&] {
        std::vector<cv::String> wanted(names, names + n_names);
        make_blob(d->blob, bgr, width, height, *prep);
        d->net.setInput(d->blob);
        d->net.forward(d->outputs, wanted);
        for (int i = 0; i < n_names; i++) {
            int rc = take_output(d->outputs.at(i), names[i], &ret_outputs[i], e, d->file.c_str());
            if (rc < 0)
                return rc;
        }
        return 0;
    });
}
